#!/usr/bin/env python3
"""Makes tests/unit/tensorboard_reference.h: event files that TensorBoard's own record writer and protobuf
messages give for a small log, which libcommon/tensorboard.c must give byte by byte.
  python3 tests/reference/tensorboard_events.py >tests/unit/tensorboard_reference.h     (tensorboard 2.21.0)
With folders, prints what TensorBoard's own reader finds in the event files there, as CSV:
  python3 tests/reference/tensorboard_events.py DIR/train DIR/val"""
import csv
import io
import sys

import tensorboard
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

LOG = """epoch,split,loss,note,auc,lr,seconds
1,train,1.25,a,,0.001,12.5
1,val,1.125,b,0.6180339887,,0.75
2,train,0.3,c,nan,0.0005,11.25
2,val,inf,,0.75,,0.5
300,train,-1e-9,d,1,0,11
"""
TAGS = ["loss", "auc", "lr", "seconds"]


def events(split):
    """Wall time: seconds of all rows up to this one; empty cells give no scalar."""
    passed, out = 0.0, []
    for row in csv.DictReader(io.StringIO(LOG)):
        passed += float(row["seconds"])
        if split is not None and row["split"] != split:
            continue
        if not out:
            out.append(event_pb2.Event(wall_time=passed, file_version="brain.Event:2"))
        values = [summary_pb2.Summary.Value(tag=t, simple_value=float(row[t])) for t in TAGS if row[t] != ""]
        out.append(event_pb2.Event(wall_time=passed, step=int(row["epoch"]),
                                   summary=summary_pb2.Summary(value=values)))
    return out


class Bytes(io.BytesIO):
    """RecordWriter closes what it wrote to."""

    def close(self):
        pass


def file_of(split):
    out = Bytes()
    writer = RecordWriter(out)
    for event in events(split):
        writer.write(event.SerializeToString(deterministic=True))
    return out.getvalue()


def read(folders):
    print("folder,tag,step,wall_time,value")
    for folder in folders:
        found = event_accumulator.EventAccumulator(folder)
        found.Reload()
        for tag in sorted(found.Tags()["scalars"]):
            for s in found.Scalars(tag):
                print("%s,%s,%d,%.9g,%.9g" % (folder.rstrip("/").split("/")[-1], tag, s.step, s.wall_time, s.value))


if len(sys.argv) > 1:
    read(sys.argv[1:])
    sys.exit()
print("/* Made by tests/reference/tensorboard_events.py with tensorboard %s. */" % tensorboard.__version__)
print("static const char log_text[] =")
print("\n".join('    "%s\\n"' % line for line in LOG.splitlines()) + ";")
for name, split in [("train", "train"), ("val", "val"), ("all", None)]:
    data = file_of(split)
    print("static const unsigned char %s_bytes[%d] = {" % (name, len(data)))
    for i in range(0, len(data), 16):
        print("    " + ", ".join("%d" % b for b in data[i:i + 16]) + ",")
    print("};")
