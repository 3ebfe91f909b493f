"""Single values: times, addresses, URLs, fields."""

import unittest

from tahoe_filter import Rejected, fields, limits, log, net, times


def time(text: str) -> float | None:
    try:
        return times.parse(text)
    except Rejected:
        return None


class Times(unittest.TestCase):
    def test_every_form_of_zone_is_read(self) -> None:
        for text in (
            "2024-03-09T12:34:56.789012Z",
            "2024-03-09 12:34:56.789012",
            "2024-03-09T13:34:56.789012+01:00",
            "2024-03-09T13:34:56.789012+0100",
            "2024-03-09T04:04:56.789012-0830",
            " 2024-03-09T12:34:56.789012999Z\n",
        ):
            self.assertEqual(time(text), 1_709_987_696.789_012, text)

    def test_days_and_hours_that_do_not_exist_are_refused(self) -> None:
        self.assertEqual(time("2024-02-29T00:00:00Z"), 1_709_164_800.0)
        for text in ("2023-02-29", "1900-02-29", "2024-04-31", "2024-13-01", "2024-00-10", "2024-01-00"):
            self.assertIsNone(time(f"{text}T00:00:00Z"), text)
        for text in ("24:00:00", "12:60:00", "12:00:61", "1:00:00", "12:00", "12:34:56.", "12:34:56+24:00", "12:34:56+01"):
            self.assertIsNone(time(f"2024-01-01T{text}"), text)
        for text in ("", "2024-03-09", "２024-03-09T12:34:56Z", "2024-03-09t12:34:56Z", "2024-03-09T12:34:56Zx"):
            self.assertIsNone(time(text), text)

    def test_a_leap_second_is_the_first_moment_of_the_next_day(self) -> None:
        self.assertEqual(time("2016-12-31T23:59:60Z"), time("2017-01-01T00:00:00Z"))
        self.assertEqual(time("2017-01-01T00:59:60.25+01:00"), 1_483_228_800.25)
        self.assertIsNone(time("2016-12-31T22:59:60Z"))

    def test_the_calendar_is_right_far_from_the_epoch(self) -> None:
        for text, seconds in (
            ("1969-12-31T23:59:59.5Z", -0.5),
            ("0000-01-01T00:00:00Z", -62_167_219_200.0),
            ("9999-12-31T23:59:59Z", 253_402_300_799.0),
        ):
            self.assertEqual(time(text), seconds)

    def test_what_is_no_time_is_named_in_the_reason(self) -> None:
        with self.assertRaisesRegex(Rejected, 'found "yesterday"'):
            times.parse("yesterday")


class Addresses(unittest.TestCase):
    def shown(self, text: str) -> tuple[str, object] | None:
        attribute = net.ip_attribute(text)
        return attribute and (attribute.sub_type, attribute.value)

    def test_one_address_has_one_form(self) -> None:
        for text, form in (
            (" 192.0.2.1\n", ("ipv4", "192.0.2.1")),
            ("::ffff:192.0.2.1", ("ipv4", "192.0.2.1")),
            ("fe80::1%eth0", ("ipv6", "fe80::1")),
            ("2001:0DB8:0:0:1:0:0:1", ("ipv6", "2001:db8::1:0:0:1")),
            ("2001:db8:0:1:1:1:1:1", ("ipv6", "2001:db8:0:1:1:1:1:1")),
            ("::192.0.2.1", ("ipv6", "::c000:201")),
        ):
            self.assertEqual(self.shown(text), form, text)
        for text in ("", "mail.example.com", "192.0.2.1:22", "192.0.2", "192.0.2.256", "192.0.2.01", "face", ":"):
            self.assertIsNone(self.shown(text), text)

    def test_a_port_may_stand_behind_an_address(self) -> None:
        for text, value, port in (
            ("192.0.2.1:443", "192.0.2.1", 443),
            ("[2001:db8::1]:0", "2001:db8::1", 0),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("2001:db8::1", "2001:db8::1", None),
        ):
            found = net.ip_and_port(text)
            self.assertEqual(found and (found[0].value, found[1]), (value, port), text)
        for text in ("192.0.2.1:65536", "192.0.2.1:٣", "192.0.2.1:-1", "[2001:db8::1:443", "[192.0.2.1]x", "a.example:1", ""):
            self.assertIsNone(net.ip_and_port(text), text)

    def test_a_url_begins_with_a_scheme(self) -> None:
        self.assertEqual(net.url(" \ufeffhttp://example.com/a b \r\n"), "http://example.com/a b")
        for text in ("stdin", "/tmp/x.sh", "://example.com", "1http://example.com", "see http://example.com", "http:/x", ""):
            self.assertIsNone(net.url(text), text)

    def test_a_host_name_has_no_place_for_a_path_or_a_port(self) -> None:
        self.assertEqual(net.hostname(" C2.example "), "C2.example")
        for text in ("", "a b", "http://a.example", "a.example/x", "a.example:80", "x" * 254):
            self.assertIsNone(net.hostname(text), text)


class Fields(unittest.TestCase):
    def test_where_text_belongs_a_number_becomes_its_digits(self) -> None:
        data = {"a": 123456, "b": 1.5, "c": True, "d": "x", "e": None, "f": " \x1c"}
        self.assertEqual([fields.text(data, key) for key in "abcde"], ["123456", "1.5", "true", "x", None])
        self.assertIsNone(fields.filled_text(data, "f"))
        with self.assertRaisesRegex(Rejected, "absent or null"):
            fields.required_text(data, "e")

    def test_where_a_number_belongs_digits_become_one(self) -> None:
        for value, expected in (
            ("443", 443), (443.0, 443), (" 0 ", 0), ("-1", "-1"), ("http", "http"), (1.5, 1.5), ("9" * 20, "9" * 20), ("٣", "٣")
        ):
            self.assertEqual(fields.whole_number({"a": value}, "a"), expected)

    def test_a_number_is_finite_and_decimal(self) -> None:
        for value, expected in (("12.3", 12.3), (12, 12.0), (" 1e3 ", 1_000.0), (None, None)):
            self.assertEqual(fields.number({"a": value}, "a"), expected)
        for value in ("nan", "Infinity", "1e999", "", True, "0x10", [1], 10**400, "1_000"):
            with self.assertRaises(Rejected, msg=repr(value)):
                fields.number({"a": value}, "a")

    def test_a_list_or_an_object_is_no_scalar(self) -> None:
        with self.assertRaisesRegex(Rejected, "expected `a` to be text, found an object"):
            fields.text({"a": {}}, "a")
        self.assertEqual(fields.texts({"a": ["x", 1, None]}, "a"), ["x", "1"])
        self.assertEqual(fields.texts({"a": "x"}, "a"), ["x"])
        with self.assertRaises(Rejected):
            fields.texts({"a": [[]]}, "a")


class Log(unittest.TestCase):
    def test_a_line_is_cut_and_can_be_written_out(self) -> None:
        log.taken()
        log.warn("é" * 400)
        log.info("\ud800")
        self.assertEqual(log.taken(), [("warn", "é" * (limits.LOG_LINE_BYTES // 2)), ("info", "?")])


if __name__ == "__main__":
    unittest.main()
