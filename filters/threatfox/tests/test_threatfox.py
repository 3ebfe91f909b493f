"""The filter, natively: `PYTHONPATH=../sdk-python python3 -m unittest discover -s tests` in its folder."""

import json
import unittest
from pathlib import Path

import threatfox
from tahoe_filter import testing

FIXTURES = Path(__file__).parents[3] / "fixtures" / "threatfox"
ENTRY = {"ioc_value": "192.0.2.1:443", "ioc_type": "ip:port", "first_seen_utc": "2026-03-09 12:34:56"}


def run(text, **options):
    return testing.run(threatfox.FILTER, testing.record("threatfox_feed", {"data": text}), options)


class ThreatFox(unittest.TestCase):
    def test_what_it_says_of_itself_keeps_the_contract(self):
        self.assertEqual(testing.broken_rules_of_descriptor(threatfox.FILTER), [])

    def test_goldens(self):
        self.assertGreater(testing.check_goldens(threatfox.FILTER, FIXTURES), 10)

    def test_an_entry_that_cannot_be_read_is_named_in_the_log_and_costs_no_other(self):
        found = run(json.dumps([ENTRY, {**ENTRY, "ioc_type": "smoke_signal"}, ENTRY]))
        self.assertEqual(len(found.answer.events), 2)
        self.assertEqual([level for level, _ in found.lines], ["warn"])
        self.assertIn("entry 2: expected a kind of indicator that is known, found 'smoke_signal'", found.lines[0][1])

    def test_any_value_in_any_field_is_read_or_left_out(self):
        values = [None, True, 1, -1.5, 2**70, 1e308, "", " ", "x", [], {}, [[1]], ["a", None, 1], "\ud800", "9" * 400]
        kept = 0
        for field in [*ENTRY, "malware", "malware_alias", "confidence_level", "tags", "last_seen_utc", "id", "reporter"]:
            for value in values:
                found = run(json.dumps([ENTRY, {**ENTRY, field: value}]))
                kept += len(found.answer.events)
        self.assertGreater(kept, 200)

    def test_a_dump_that_packs_too_much_into_its_length_is_not_read_to_its_end(self):
        tiny = '{"ioc":"a://","ioc_type":"url","first_seen":"2026-03-09 12:34:56"}'
        found = run("[" + ",".join([tiny] * 5_000) + "]")
        self.assertLess(len(found.answer.events), 4_000)
        self.assertIn("stopped at entry", found.lines[-1][1])
        self.assertIsNotNone(run("[" + ",".join(["{}"] * 100_000) + "]").reason)


if __name__ == "__main__":
    unittest.main()
