"""Commands that set up repositories and other tools: config, remote, trust, install, completion, vscode, shim."""
