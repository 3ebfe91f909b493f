"""What becomes of an object graph on its way to the host."""

import unittest

from tahoe_filter import Answer, Attribute, Event, Object, Record, Rejected, Session, limits
from tahoe_filter.answer import AttributeNode, ObjectNode
from tahoe_filter.limits import Limits


def answer_to(size: int) -> Answer:
    return Answer(Limits.for_input(size))


class Graph(unittest.TestCase):
    def test_children_come_before_parents_and_shared_nodes_once(self) -> None:
        address = Attribute("ipv4", "192.0.2.1")
        attacker = Object("attacker", [address])
        answer = answer_to(0)
        event = Event("login", 1.0, [attacker, Attribute("username", "root")], "malicious", malicious=[address, attacker])
        self.assertTrue(answer.add(event))
        self.assertTrue(answer.add(Event("login", 2.0, [Object("attacker", [Attribute("ipv4", "192.0.2.1")])])))
        self.assertEqual(
            answer.nodes,
            [AttributeNode("ipv4", "192.0.2.1"), ObjectNode("attacker", (0,)), AttributeNode("username", "root")],
        )
        self.assertEqual([event.children for event in answer.events], [(1, 2), (1,)])
        self.assertEqual((answer.events[0].malicious, answer.events[0].category), ((0, 1), "malicious"))

    def test_equal_numbers_of_different_kinds_are_different_values(self) -> None:
        answer = answer_to(0)
        for value in (1, 1.0, True, "1", 0.0, -0.0, None):
            answer.add(Attribute("a", value))
        self.assertEqual([repr(node.value) for node in answer.nodes], ["1", "1.0", "True", "'1'", "0.0", "-0.0", "None"])

    def test_events_of_one_session_name_one_entry(self) -> None:
        session = Session("ssh", [Attribute("sessionid", "x")], start_time=1.0, duration=2.5)
        answer = answer_to(0)
        for time in (1.0, 2.0):
            answer.add(Event("login", time, [Attribute("username", "root")], session=session))
        answer.add(session)
        self.assertEqual([event.session for event in answer.events], [0, 0])
        self.assertEqual([(entry.key, entry.duration) for entry in answer.sessions], [((1,), 2.5)])

    def test_objects_may_nest_deeper_than_python_recurses(self) -> None:
        node = Object("o", [Attribute("a", "x")])
        for _ in range(100_000):
            node = Object("o", [node])
        answer = answer_to(limits.INPUT_BYTES)
        # The host would not take it: each level escapes the one below once more.
        self.assertFalse(answer.add(node))
        self.assertEqual(answer.nodes, [])

    def test_objects_that_double_at_each_level_are_measured_in_no_time(self) -> None:
        node = Object("o", [Attribute("a", "x")])
        for _ in range(20_000):
            node = Object("o", [node, node])
        self.assertFalse(answer_to(limits.INPUT_BYTES).add(node))

    def test_what_no_archive_stores_is_an_error_of_the_filter(self) -> None:
        for value in (float("nan"), float("inf"), 1 << 63):
            with self.assertRaises(ValueError):
                Attribute("a", value)
        for wrong in ([], {}, b"x"):
            with self.assertRaises(TypeError):
                Attribute("a", wrong)  # type: ignore[arg-type]
        with self.assertRaises(ValueError):
            Object("o", [])
        with self.assertRaises(ValueError):
            Event("e", 1.0, [Attribute("a", "x")], category="evil")


class Bounds(unittest.TestCase):
    def test_one_document_too_many_is_taken_back_whole(self) -> None:
        answer = answer_to(0)
        self.assertTrue(answer.add(Attribute("first", "x")))
        many = [Attribute("a", number) for number in range(256)]
        self.assertFalse(answer.add(Event("e", 1.0, many)))
        self.assertEqual((len(answer.nodes), len(answer.events)), (1, 0))
        # What was taken back can be added again.
        self.assertTrue(answer.add(Event("e", 1.0, many[:255])))
        self.assertEqual((len(answer.nodes), len(answer.events)), (256, 1))

    def test_texts_are_measured_as_they_are_written_out(self) -> None:
        # Of an empty record the host takes 256 KiB written out: a quote takes two bytes, four and eight.
        for quotes, fits in ((25_000, True), (27_000, False)):
            self.assertEqual(answer_to(0).add(Event("e", 1.0, [Attribute("a", '"' * quotes)])), fits, quotes)

    def test_references_are_counted_with_repetition(self) -> None:
        nodes = [Attribute("a", number) for number in range(100)]
        for parents, fits in ((4, True), (5, False)):
            self.assertEqual(answer_to(0).add(Event("e", 1.0, nodes * parents)), fits, parents)

    def test_a_text_above_the_limit_is_cut_between_characters(self) -> None:
        answer = answer_to(0)
        answer.add(Attribute("a", "é" * 40_000))
        self.assertEqual((len(answer.nodes[0].value), answer.cut_texts), (32_768, 1))

    def test_half_a_surrogate_pair_is_replaced(self) -> None:
        answer = answer_to(0)
        answer.add(Attribute("a", "x\ud800y"))
        self.assertEqual(answer.nodes[0].value, "x\ufffdy")

    def test_limits_grow_with_the_input_up_to_its_bound(self) -> None:
        self.assertEqual(Limits.for_input(640), Limits(336, 104, 14, 67_456, 303_104, 1_344))
        self.assertEqual(Limits.for_input(1 << 40), Limits.for_input(limits.INPUT_BYTES))


class Times(unittest.TestCase):
    def test_events_lie_between_1970_and_two_days_after_arrival(self) -> None:
        record = Record("x", "{}", "UTC", 1_000.0)
        for inside in (0.0, 1.5, 1_000.0, 173_800.0):
            self.assertEqual(record.event_time(inside), inside)
        for outside in (-0.001, 173_800.1, float("inf"), float("nan")):
            with self.assertRaises(Rejected):
                record.event_time(outside)
        self.assertEqual(repr(record.event_time(-0.0)), "0.0")


if __name__ == "__main__":
    unittest.main()
