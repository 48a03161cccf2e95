"""The image: its model (`model`), its writer (`write`), its reader (`read`).

Pure; imports nothing of ovsi but `record` and `errors`.
"""
