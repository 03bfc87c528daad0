"""Bytes on their way into and out of the workspace.

In come paths and the contents that they should hold; out go observed contents, files in the cache, and files and links in the
workspace. Start at `observe.observe` and `observe.store`, and at `checkout.restore`; `trash` keeps what is replaced.
"""
