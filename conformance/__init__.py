"""The conformance suite of Overlay Source Image: `pytest conformance --impl=<cmd>`."""
