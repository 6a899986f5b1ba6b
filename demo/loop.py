"""Makes of the demo's instance file one that `watchpost serve` plays for hours: the clip looping in real time, and
files with retention, so that it fills no disk.

    loop.py INSTANCE.json DATA_FOLDER    writes DATA_FOLDER/instances/<InstanceId>.json
"""

import json
import pathlib
import sys

# Some minutes of what an export writes; more nobody looks at in a demo.
ROTATE_BYTES = 4_000_000
FILES = 4
SINGLE_FILES = 300
VIDEO_SECONDS = 120


def with_retention(name, export):
    """What an export keeps: a few files that are rotated, or many small ones."""
    config = export.setdefault("config", {})
    kind = export["uri"].split(":", 1)[0]
    if kind == "mp4":
        config["segment"] = {"seconds": VIDEO_SECONDS}
        config["retention"] = {"files": FILES}
    elif kind in ("jpg", "png") or not config.get("append_only", True):
        config["retention"] = {"files": SINGLE_FILES}
    else:
        config["rotate"] = {"bytes": ROTATE_BYTES}
        config["retention"] = {"files": FILES}
    return name, export


def main(file, data):
    instance = json.loads(pathlib.Path(file).read_text())
    instance["AutoStart"] = True
    uri = instance["Input"]["uri"]
    if "://" not in uri:
        instance["Input"].update(loop=True, pace="realtime")
    output = instance["Output"]
    output["handlers"] = dict(with_retention(*entry) for entry in output["handlers"].items())
    folder = pathlib.Path(data) / "instances"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{instance['InstanceId']}.json").write_text(json.dumps(instance, indent=2))


if __name__ == "__main__":
    main(*sys.argv[1:])
