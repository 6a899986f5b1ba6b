"""What schemathesis cannot make up from the description alone: bodies of lines."""

import json

import schemathesis
from hypothesis import strategies as st

share = st.floats(min_value=0, max_value=1, width=32)
detection = st.fixed_dictionaries(
    {"label": st.sampled_from(["person", "car", "ä"]), "confidence": share, "x": share, "y": share, "width": share, "height": share}
)
line = st.fixed_dictionaries({"frame_id": st.integers(0, 1000), "detections": st.lists(detection, max_size=3)})
# A line that is none keeps no other from being taken.
lines = st.lists(st.one_of(line.map(json.dumps), st.text(max_size=20)), max_size=5)
schemathesis.openapi.media_type("application/x-ndjson", lines.map(lambda all: "\n".join(all).encode()))
