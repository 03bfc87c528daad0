"""What each option of the configuration means, for editors and schemas."""

from __future__ import annotations

from collections.abc import Mapping

from dvx.model.setup.schema_words import Word

_OLD = "Used by older versions of DVC only."
_LINKS = "How files of the workspace are made from it, the first that works: `reflink`, `hardlink`, `symlink`, `copy`."
_LOCAL = {
    "type": Word(_LINKS, "reflink,copy", ("hardlink,symlink",)),
    "shared": Word("With `group`, everybody of the group may write to it.", examples=("group",)),
    "protected": Word(_OLD),
    "slow_link_warning": Word("Whether to say so when files have to be copied, as links do not work.", "true"),
    "verify": Word("Whether what comes from it is hashed before it is used.", "false"),
}
_SECTIONS: Mapping[str, Mapping[str, Word]] = {
    "core": {
        "remote": Word("The remote that `push`, `pull` and `fetch` use if you name none.", examples=("storage",)),
        "site_cache_dir": Word("Where DVC keeps what all users of the machine may share."),
        "machine": Word(_OLD),
        "interactive": Word(_OLD),
        "analytics": Word("Whether DVC reports how it is used. dvx never does.", "true"),
        "hardlink_lock": Word("Whether DVC locks by hard links, for file systems without locks.", "false"),
        "no_scm": Word("Whether the project is without Git.", "false"),
        "autostage": Word("Whether files that Git should keep are staged by themselves.", "false"),
        "experiments": Word(_OLD),
        "check_update": Word("Whether DVC looks for newer versions of itself. dvx never does.", "true"),
        "checksum_jobs": Word("How many files are hashed at once.", examples=("4",)),
        "hash": Word("The algorithm that new content is hashed by."),
        "pack": Word("Whether small objects go to remotes in packs.", "true"),
        "jobs": Word("How many stages run at once; as many as there are cores without it.", examples=("4",)),
        "resources": Word("The tokens that stages may take at once.", examples=("license=3,gpu=2",)),
    },
    "cache": {
        "dir": Word("Where the cache is, relative to this file.", examples=("/mnt/shared/cache",)),
        **_LOCAL,
        **dict.fromkeys(("local", "s3", "gs", "hdfs", "webhdfs", "ssh", "azure"), Word(_OLD)),
    },
    "state": {
        "dir": Word("Where DVC keeps what it knows of files."),
        "row_limit": Word(_OLD),
        "row_cleanup_quota": Word(_OLD),
    },
    "index": {"dir": Word("Where DVC keeps its index of data.")},
    "plots": {
        "html_template": Word("The page that plots are put into."),
        "out_dir": Word("The folder that plots are written to.", "dvc_plots"),
        "auto_open": Word("Whether plots are opened in a browser.", "false"),
    },
    "exp": {
        "code": Word("What `exp init` calls the code."),
        "data": Word("What `exp init` calls the data."),
        "models": Word("What `exp init` calls the models."),
        "metrics": Word("What `exp init` calls the metrics."),
        "params": Word("What `exp init` calls the parameters."),
        "plots": Word("What `exp init` calls the plots."),
        "live": Word(_OLD),
        "git_remote": Word("The Git remote that experiments are pushed to.", examples=("origin",)),
        "auto_push": Word("Whether experiments are pushed as soon as they are made.", "false"),
    },
    "parsing": {
        "bool": Word("How `${...}` puts booleans of a mapping into a command: `--flag`, or also `--no-flag`.", "store_true"),
        "list": Word("How `${...}` puts lists of a mapping into a command: `--key 1 2`, or `--key 1 --key 2`.", "nargs"),
    },
    "hydra": {
        "enabled": Word("Whether Hydra composes the parameters before an experiment.", "false"),
        "config_dir": Word("The folder of Hydra's configuration, relative to the project.", "conf"),
        "config_module": Word("The Python module of Hydra's configuration."),
        "config_name": Word("The name of Hydra's configuration.", "config"),
        "plugins_path": Word("A folder with plugins for Hydra."),
    },
    "studio": {
        "token": Word("The token for DVC Studio. Keep it in `config.local`."),
        "url": Word("Where DVC Studio is.", "https://studio.datachain.ai"),
        "repo_url": Word("The repository as DVC Studio knows it."),
        "offline": Word("Whether nothing is sent to DVC Studio.", "false"),
    },
    "db": {
        "url": Word("Where the database is.", examples=("postgresql://host/name",)),
        "username": Word("The user."),
        "password": Word("The password. Keep it in `config.local`."),
    },
    "remote": {
        **_LOCAL,
        "url": Word("Where it is: a folder, or a URL.", examples=("s3://bucket/path", "ssh://host/path", "../storage")),
        "jobs": Word("How many transfers run at once."),
        "checksum_jobs": Word("How many files are hashed at once."),
        "worktree": Word("Whether it holds the files under their own names, as in the workspace.", "false"),
        "no_traverse": Word(_OLD),
        "version_aware": Word("Whether it keeps versions of files under their own names.", "false"),
        "region": Word("The region of the bucket.", examples=("eu-central-1",)),
        "profile": Word("The profile of the credentials."),
        "endpointurl": Word("Where the service is, if it is not the usual one.", examples=("https://minio.example.com",)),
        "ssl_verify": Word("`false` trusts any certificate; a path is a bundle of authorities to trust.", "true", ("ca.pem",)),
        "sse": Word("The encryption at the server.", examples=("AES256", "aws:kms")),
        "sse_kms_key_id": Word("The key of the encryption at the server."),
        "sse_customer_algorithm": Word("The algorithm of the encryption by your own key."),
        "sse_customer_key": Word("Your own key of the encryption."),
        "acl": Word("The access list of new objects.", examples=("bucket-owner-full-control",)),
        "grant_read": Word("Who may read new objects."),
        "grant_read_acp": Word("Who may read the access lists of new objects."),
        "grant_write_acp": Word("Who may write the access lists of new objects."),
        "grant_full_control": Word("Who may do everything with new objects."),
        "credentialpath": Word("The file of the credentials."),
        "configpath": Word("The configuration file of the AWS tools."),
        "access_key_id": Word("The id of the key. Keep it in `config.local`."),
        "secret_access_key": Word("The secret of the key. Keep it in `config.local`."),
        "session_token": Word("The token of the session. Keep it in `config.local`."),
        "use_ssl": Word("Whether to speak TLS.", "true"),
        "allow_anonymous_login": Word("Whether to do without credentials.", "false"),
        "listobjects": Word(_OLD),
        "cache_regions": Word("Whether the regions of buckets are remembered.", "false"),
        "read_timeout": Word("Seconds without a byte after which a connection is given up.", "60"),
        "connect_timeout": Word("Seconds after which an attempt to connect is given up.", "60"),
        "connection_timeout": Word("Seconds after which an attempt to connect is given up."),
        "timeout": Word("Seconds after which a request is given up."),
        "projectname": Word("The project in Google Cloud."),
        "account_name": Word("The storage account."),
        "tenant_id": Word("The tenant in Entra."),
        "client_id": Word("The id of the application in Entra."),
        "client_secret": Word("The secret of the application. Keep it in `config.local`."),
        "connection_string": Word("All that is needed to connect. Keep it in `config.local`."),
        "sas_token": Word("The shared access signature. Keep it in `config.local`."),
        "account_key": Word("The key of the storage account. Keep it in `config.local`."),
        "exclude_environment_credential": Word("Whether credentials of the environment are left out.", "false"),
        "exclude_visual_studio_code_credential": Word("Whether credentials of VS Code are left out.", "false"),
        "exclude_shared_token_cache_credential": Word("Whether the shared cache of tokens is left out.", "false"),
        "exclude_managed_identity_credential": Word("Whether the identity of the machine is left out.", "false"),
        "port": Word("The port.", "22"),
        "max_sessions": Word("How many sessions one connection carries.", "10"),
        "user": Word("The user."),
        "password": Word("The password. Keep it in `config.local`."),
        "passphrase": Word("The passphrase of the key. Keep it in `config.local`."),
        "keyfile": Word("The private key.", examples=("~/.ssh/id_ed25519",)),
        "ask_password": Word("Whether to ask for the password.", "false"),
        "ask_passphrase": Word("Whether to ask for the passphrase.", "false"),
        "gss_auth": Word("Whether to log in by Kerberos.", "false"),
        "allow_agent": Word("Whether to use the keys of the agent.", "true"),
        "auth": Word("How to log in.", examples=("basic", "digest")),
        "method": Word("The method that uploads.", "POST", ("PUT",)),
        "custom_auth_header": Word("The header that carries the password.", examples=("X-Token",)),
        "bearer_token_command": Word("The command that prints the token. It must stand in your own configuration."),
        "cert_path": Word("The certificate that the client shows."),
        "key_path": Word("The key of the certificate."),
        "token": Word("The token. Keep it in `config.local`."),
        "kerb_ticket": Word("The ticket of Kerberos."),
        "replication": Word("How many copies the file system keeps.", "3"),
        "kerberos": Word("Whether to log in by Kerberos.", "false"),
        "kerberos_principal": Word("The principal of Kerberos."),
        "proxy_to": Word("The user to act as."),
        "use_https": Word("Whether to speak TLS.", "false"),
        "data_proxy_target": Word("The host that data goes through."),
        "oss_key_id": Word("The id of the key. Keep it in `config.local`."),
        "oss_key_secret": Word("The secret of the key. Keep it in `config.local`."),
        "oss_endpoint": Word("Where the service is."),
        "gdrive_client_id": Word("The id of the client of Google Drive."),
        "gdrive_client_secret": Word("The secret of the client. Keep it in `config.local`."),
        "gdrive_service_account_user_email": Word("The user that the service account acts for."),
        "gdrive_user_credentials_file": Word("The file of the user's credentials."),
        "gdrive_service_account_json_file_path": Word("The file of the service account."),
        "gdrive_use_service_account": Word("Whether to log in by a service account.", "false"),
        "gdrive_trash_only": Word("Whether what is removed goes to the trash.", "false"),
        "gdrive_acknowledge_abuse": Word("Whether files that Google holds to be abuse are loaded.", "false"),
    },
}  # fmt: skip


def option_word(section: str, option: str) -> Word:
    """What an option means; `remote` and `db` stand for all remotes and databases."""
    return _SECTIONS[section][option]


def section_word(section: str) -> Word:
    """What the options of a section are about."""
    return Word(_ABOUT[section])


_ABOUT = {
    "core": "What holds for all commands.",
    "cache": "The local store of data.",
    "state": "What DVC knows of files.",
    "index": "DVC's index of data.",
    "plots": "How plots are shown.",
    "exp": "Experiments.",
    "parsing": "How `${...}` is put into commands.",
    "hydra": "Parameters composed by Hydra.",
    "studio": "DVC Studio.",
    "db": "A database to import from.",
    "remote": "A place that data is pushed to.",
}
