"""JSON that nobody checked."""

import unittest

from tahoe_filter import Rejected, json_text


def elements(text: str) -> list[tuple[str | None, str]]:
    return [tuple(element) for element in json_text.objects_in_lists(text)]


class Read(unittest.TestCase):
    def test_what_is_too_deep_or_no_json_is_rejected(self) -> None:
        deep = "[" * json_text.DEPTH + "]" * json_text.DEPTH
        self.assertIsInstance(json_text.read(deep), list)
        for text in ("[" * 1_000_000, '{"a":' * 1_000_000, "[" + deep + "]", "", "{", "NaN", "1e999", "[1] x", "9" * 5_000):
            with self.assertRaises(Rejected, msg=text[:20]):
                json_text.read(text)

    def test_brackets_in_strings_are_text(self) -> None:
        text = '{"a": "' + "[" * 1_000 + r"\"[" + '"}'
        self.assertEqual(json_text.read(text)["a"][-2:], '"[')


class Objects(unittest.TestCase):
    def test_a_dump_is_cut_into_the_objects_of_its_lists(self) -> None:
        self.assertEqual(elements('[{"a": [{}]}, 1, {"b": "}"}]'), [(None, '{"a": [{}]}'), (None, '{"b": "}"}')])
        self.assertEqual(elements('{"17": [{"a": 1}], "18": [ {} ]}'), [("17", '{"a": 1}'), ("18", "{}")])
        self.assertEqual(elements('{"status": "ok", "data": [{"a": 1}]}'), [("data", '{"a": 1}')])

    def test_without_lists_each_object_stands_for_itself(self) -> None:
        self.assertEqual(elements('{"a": 1}\n{"b": {"c": 2}}\n'), [(None, '{"a": 1}'), (None, '{"b": {"c": 2}}')])

    def test_of_a_dump_that_is_cut_off_the_last_object_is_not_whole(self) -> None:
        self.assertEqual(elements('[{"a": 1}, {"b": "x'), [(None, '{"a": 1}'), (None, '{"b": "x')])

    def test_what_is_no_dump_has_no_objects_or_is_rejected_soon(self) -> None:
        for text in ("", "<html>", '"', "]]}}", "[1, 2]"):
            self.assertEqual(elements(text), [], text)
        for text in ("[" * 1_000_000, "[]" * 1_000_000, "[{" + "[]," * 1_000_000, '[{"a": [' + '"",' * 1_000_000 + "]}]"):
            with self.assertRaises(Rejected, msg=text[:20]):
                elements(text)


if __name__ == "__main__":
    unittest.main()
