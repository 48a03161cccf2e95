"""A stack in words, layer by layer: what a failing test prints."""

from .stack import Stack
from .truth import Truth


def shown(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace").replace("\n", "\\n")


def lines(stack: Stack, truth: Truth | None = None) -> list[str]:
    found = [
        f"stack {stack.name} (profile {stack.profile}), mounted by {stack.manner.value}, standing in {shown(stack.cwd)}"
    ]
    labelled = stack.sources()
    drawn = labelled if len(labelled) <= 12 else [*labelled[:5], *labelled[-5:]]
    for number, (label, source) in enumerate(drawn):
        if number == 5 and len(labelled) > 12:
            found.append(f"  … {len(labelled) - 10} more …")
        name = shown(source.name) if isinstance(source.name, bytes) else source.name.value
        line = f"  {label:<10} {shown(stack.place(source))[:80]}  given as {name[:60]}"
        if truth:
            known = truth.source(label)
            line += f"  = {known.device} inode {known.inode}, now {known.state}"
        found.append(line)
    options = ",".join(shown(name) + ("" if value is None else "=" + shown(value)) for name, value in stack.options)
    words = " ".join(sorted(stack.attributes | stack.flags))
    found.append(f"  options {options or '-'}; mount {words or '-'}, {stack.propagation}")
    found += [f"  then {step}" for step in (*stack.binds, *stack.since)]
    return found


def text(stack: Stack, truth: Truth | None = None) -> str:
    return "\n".join(lines(stack, truth))
