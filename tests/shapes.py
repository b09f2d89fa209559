"""Any JSON, and callbacks of any shape, most of which mean something."""

from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "session_id", "sessionId", "session", "id", "state", "status", "type", "event", "data",
        "items", "completed", "completed_at", "started_at", "reference", "x",
    ]
)  # fmt: skip
WORDS = st.sampled_from(["done", "tsn_1", "session.completed", True, False, None, 7])
SHAPES = st.recursive(
    st.dictionaries(NAMES, WORDS | JSON, max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner | WORDS, max_size=4),
    max_leaves=10,
)
