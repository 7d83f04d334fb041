"""Prints what TensorBoard's own reader finds in a folder of event files, as JSON: for each tag of numbers its steps and
values, for each tag of texts its steps and texts."""

import json
import sys

from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator, TENSORS
from tensorboard.util import tensor_util

events = EventAccumulator(sys.argv[1], size_guidance={TENSORS: 0})
events.Reload()
found = {"file_version": events.file_version, "numbers": {}, "texts": {}}
for tag in events.Tags()["tensors"]:
    plugin = events.SummaryMetadata(tag).plugin_data.plugin_name
    points = [[event.step, tensor_util.make_ndarray(event.tensor_proto)] for event in events.Tensors(tag)]
    if plugin == "text":
        found["texts"][tag] = [[step, value[0].decode()] for step, value in points]
    else:
        assert plugin == "scalars", plugin
        found["numbers"][tag] = [[step, float(value)] for step, value in points]
print(json.dumps(found))
