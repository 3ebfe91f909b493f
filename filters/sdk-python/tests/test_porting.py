"""The filter on the page about porting is one that works."""

import unittest
from pathlib import Path

from tahoe_filter import testing

PAGE = Path(__file__).parents[3] / "docs" / "porting-from-python.md"


class Page(unittest.TestCase):
    def test_the_port_makes_the_documents_that_it_speaks_of(self) -> None:
        ported = PAGE.read_text(encoding="utf-8").split("## After")[1].split("```python\n")[1].split("```")[0]
        names: dict[str, object] = {}
        exec(ported, names)
        described = names["FILTER"]
        self.assertEqual(testing.broken_rules_of_descriptor(described), [])
        line = {"time": "2026-03-09T12:34:56Z", "src_ip": "192.0.2.77", "user": "root", "password": "x", "session": "s1"}
        found = testing.run(described, testing.record("ssh_trap", line))
        self.assertEqual(
            testing.summary(found.answer),
            [
                'event login {"attacker":[{"ipv4":["192.0.2.77"]}],"credential":[{"password":["x"],"username":["root"]}]}',
                'session ssh_session {"sessionid":["s1"]}',
            ],
        )
        self.assertRegex(testing.run(described, testing.record("ssh_trap", {"src_ip": "x"})).reason, "`time`")


if __name__ == "__main__":
    unittest.main()
