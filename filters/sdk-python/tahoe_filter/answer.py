"""Documents on their way to the host: numbered, each once, children before parents, and never more than it takes."""

from typing import NamedTuple, Union

from .documents import Attribute, Document, Event, Node, Object, Scalar, Session
from .expansion import Expansion
from .fields import whole
from .limits import Limits, cut


class AttributeNode(NamedTuple):
    """An attribute in the list of nodes."""

    sub_type: str
    value: Scalar


class ObjectNode(NamedTuple):
    """An object in the list of nodes; its children are positions in that list, lower than its own."""

    sub_type: str
    children: tuple[int, ...]


class EventEntry(NamedTuple):
    """An event; its nodes are positions in the list of nodes, its session one in the list of sessions."""

    sub_type: str
    timestamp: float
    category: str
    children: tuple[int, ...]
    malicious: tuple[int, ...]
    benign: tuple[int, ...]
    session: int | None


class SessionEntry(NamedTuple):
    """A session; its key is positions in the list of nodes."""

    sub_type: str
    key: tuple[int, ...]
    start_time: float | None
    end_time: float | None
    duration: float | None


NodeEntry = Union[AttributeNode, ObjectNode]


class Answer:
    """All that a filter has to say about one record. An empty one is a good answer: there was nothing to store."""

    def __init__(self, limits: Limits) -> None:
        self.nodes: list[NodeEntry] = []
        self.events: list[EventEntry] = []
        self.sessions: list[SessionEntry] = []
        self.cut_texts = 0
        """How many texts were cut to the host's limit."""
        self._limits = limits
        self._positions: dict[object, int] = {}
        self._keys: list[object] = []
        # By identity: a session is one entry, however many events name it.
        self._sessions: dict[int, tuple[int, Session]] = {}
        self._expansion = Expansion()

    def add(self, document: Document) -> bool:
        """Adds a document with all that it refers to, unless the host would not take the answer with it: then nothing of
        it is added, and the result is false. So one entry of a feed does not cost the others."""
        before = len(self.nodes), len(self.events), len(self.sessions), self.cut_texts, self._expansion.total
        if isinstance(document, Event):
            self._event(document)
        elif isinstance(document, Session):
            self._session(document)
        elif isinstance(document, (Attribute, Object)):
            self._node(document)
        else:
            raise TypeError(f"found {type(document).__name__}, expected an Event, a Session, an Object or an Attribute")
        limits = self._limits
        if (
            len(self.nodes) <= limits.nodes
            and len(self.events) <= limits.events
            and len(self.sessions) <= limits.sessions
            and self._expansion.is_within(limits)
        ):
            return True
        self._go_back(*before)
        return False

    def _go_back(self, nodes: int, events: int, sessions: int, cut_texts: int, total: "tuple[int, int, int, int]") -> None:
        for key in self._keys[nodes:]:
            del self._positions[key]
        del self._keys[nodes:], self.nodes[nodes:], self.events[events:], self.sessions[sessions:]
        self._sessions = {key: entry for key, entry in self._sessions.items() if entry[0] < sessions}
        self.cut_texts = cut_texts
        self._expansion.go_back(nodes, total)

    def _event(self, event: Event) -> None:
        children = self._nodes(event.children)
        session = None if event.session is None else self._session(event.session)
        malicious, benign = self._nodes(event.malicious), self._nodes(event.benign)
        self.events.append(
            EventEntry(event.sub_type, event.timestamp, event.category, children, malicious, benign, session)
        )
        self._expansion.event(children)

    def _session(self, session: Session) -> int:
        known = self._sessions.get(id(session))
        if known is not None:
            return known[0]
        position = len(self.sessions)
        key = self._nodes(session.key)
        self.sessions.append(SessionEntry(session.sub_type, key, session.start_time, session.end_time, session.duration))
        # With the session itself: an identity is free again once its object is gone.
        self._sessions[id(session)] = position, session
        self._expansion.session(key)
        return position

    def _nodes(self, nodes: "tuple[Node, ...]") -> tuple[int, ...]:
        return tuple([self._node(node) for node in nodes])

    def _node(self, root: Node) -> int:
        """The position of a node, which is added with all below it. Not recursive: a filter may nest objects as deep as
        its data says, and it is the host that refuses them."""
        if type(root) is Attribute:
            return self._attribute(root)
        done: dict[int, int] = {}
        waiting: list[Node] = [root]
        while waiting:
            node = waiting[-1]
            if isinstance(node, Attribute):
                done[id(node)] = self._attribute(node)
            elif id(node) not in done:
                below = [child for child in node.children if id(child) not in done]
                if below:
                    waiting.extend(below)
                    continue
                done[id(node)] = self._object(node, tuple(done[id(child)] for child in node.children))
            waiting.pop()
        return done[id(root)]

    def _attribute(self, attribute: Attribute) -> int:
        sub_type, value = attribute.sub_type, attribute.value
        kind = type(value)
        # As text, a float has its sign and no equal integer.
        key = sub_type, kind, repr(value) if kind is float else value
        position = self._positions.get(key)
        if position is None:
            kept = self._kept(value) if isinstance(value, str) else value
            position = self._place(key, AttributeNode(sub_type, kept))
            self._expansion.attribute(sub_type, kept)
        return position

    def _kept(self, text: str) -> str:
        """A text as the host takes it."""
        found = whole(text)
        kept = cut(found, self._limits.text_bytes)
        if len(kept) < len(found):
            self.cut_texts += 1
        return kept

    def _object(self, node: Object, children: tuple[int, ...]) -> int:
        key = node.sub_type, children
        position = self._positions.get(key)
        if position is None:
            position = self._place(key, ObjectNode(node.sub_type, children))
            self._expansion.object(node.sub_type, children)
        return position

    def _place(self, key: object, node: NodeEntry) -> int:
        position = len(self.nodes)
        self.nodes.append(node)
        self._keys.append(key)
        self._positions[key] = position
        return position
