"""What a restore did: schemas/result.json as records."""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    Setup = Literal["descriptor", "append", "page"]
    What = Literal["unproved", "changed-identity", "volatile-leftovers", "mounter-differs"]

VERSION = "1.0"


class Accepted(Record):
    """A deviation that was met and that `--accept` allowed."""

    what: What
    subject: str
    detail: str


class Done(Record):
    """One mount that was made."""

    id: str
    mount_point: bytes
    mount_id: int | None
    setup: Setup


class Result(Record):
    """A whole restore. `notes` are sentences for a person about what could not be as in the image."""

    overlays: tuple[Done, ...]
    accepted: tuple[Accepted, ...]
    notes: tuple[str, ...] = ()

    def packed(self) -> object:
        """As plain data that a child process can send."""
        done = [(one.id, one.mount_point, one.mount_id, one.setup) for one in self.overlays]
        return done, [(one.what, one.subject, one.detail) for one in self.accepted], list(self.notes)

    @classmethod
    def unpacked(cls, data: Any) -> Result:
        """The reverse of `packed`."""
        done, accepted, notes = data
        return cls(tuple(Done(*one) for one in done), tuple(Accepted(*one) for one in accepted), tuple(notes))

    def as_data(self) -> dict[str, object]:
        """The document of schemas/result.json; paths are a string, or {"base64": …} where they are not UTF-8."""
        return {
            "format": "overlay-source-result",
            "version": VERSION,
            "overlays": [_done(done) for done in self.overlays],
            "accepted": [
                {"what": entry.what, "subject": entry.subject, "detail": entry.detail} for entry in self.accepted
            ],
        }


def _done(done: Done) -> dict[str, object]:
    data: dict[str, object] = {"id": done.id, "mountPoint": bytes_as_data(done.mount_point)}
    if done.mount_id is not None:
        data["mountId"] = done.mount_id
    return data | {"setup": done.setup}


def bytes_as_data(raw: bytes) -> str | dict[str, str]:
    """Bytes as every document of the specification writes them."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        from binascii import b2a_base64

        return {"base64": b2a_base64(raw, newline=False).decode()}
