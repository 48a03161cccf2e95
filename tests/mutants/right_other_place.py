"""Of several places of a source it takes the last: where it is bound elsewhere, that one."""

from .mutant import Given, Json, RightVariant, every_source, mounts, name


def choose_the_last(document: Json, given: Given) -> None:
    """Another mount of the same root, where there is one that nothing hides."""
    devices = {each["id"]: each["device"] for each in document["filesystems"]}
    used = {source["location"]["mount"] for source in every_source(document) if "mount" in source.get("location", {})}
    table = [fields for fields, _ in mounts(given["pid"])]
    points = [fields[4] for fields in table]
    for mount in [each for each in document["mounts"] if each["id"] in used]:
        wanted = [devices[mount["filesystem"]], name(mount["root"])]
        alike = [fields for fields in table if fields[2:4] == wanted and points.count(fields[4]) == 1]
        if str(mount["mountId"]) in [fields[0] for fields in alike[:-1]]:
            other = {"id": "last", "filesystem": mount["filesystem"], "root": mount["root"]}
            document["mounts"].append(other | {"mountId": int(alike[-1][0]), "mountPoint": alike[-1][4]})
            for source in every_source(document):
                if source.get("location", {}).get("mount") == mount["id"]:
                    source["location"]["mount"] = "last"
            return


VARIANT = RightVariant(
    meets=(
        "test_dumper.py::test_*[core-one-lower-*]",
        "test_dumper.py::test_*[unmounted-bound-many-times-*]",
        "test_round_trip.py::*[core-one-lower-*]",
    ),
    image=choose_the_last,
)
