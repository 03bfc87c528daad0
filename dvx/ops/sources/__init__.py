"""Places outside of the project that data comes from: remotes' connections, other repositories, URLs.

In comes what a pointer or stage says of a source; out goes what is there now, or a copy of it. Start at
`connections.connect`, `repositories.Sources` and `urls.UrlSource`; `credentials` guards where secrets go.
"""
