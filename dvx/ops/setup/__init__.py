"""How a repository is set up, and ties to other tools: configuration, remotes' settings, Git hooks, editors.

In come options as typed; out go edited configuration and hook files. Start at `init.init`, `config` and `git_hooks.install`.
"""
