"""Introspection is tested on real overlays, each test in a forked child with a private mount namespace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ovsi.introspect.errors import IntrospectionUnavailable
from ovsi.introspect.introspector import Introspector
from ovsi.introspect.layout import Layout
from ovsi.linux import mountapi, namespaces

from tests.support.forked import fork_marked

HERE = Path(__file__).parent

MARKER = "on_real_mounts"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARKER}: runs as root in a child with private mounts and a tmpfs at /tmp")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    fork_marked(items, HERE, {MARKER: _enter})


def _enter() -> None:
    try:
        Introspector().close()
        os.close(mountapi.fsopen(b"overlay"))  # loads the module, of which some kernels have no BTF
        layout = Layout()
        _overlay = layout.overlay_view
        layout.close()
    except IntrospectionUnavailable as missing:
        pytest.skip(str(missing))
    namespaces.unshare(namespaces.CLONE_NEWNS)
    mountapi.mount(None, b"/", None, mountapi.MS_REC | mountapi.MS_PRIVATE)
    mountapi.mount(b"test", b"/tmp", b"tmpfs")
    os.chdir("/tmp")
