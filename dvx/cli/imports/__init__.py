"""Commands on data from elsewhere: import, import-url, import-db, dataset, artifacts, get, update."""
