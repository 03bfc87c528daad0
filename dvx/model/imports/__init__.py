"""What imports of databases and datasets record, as values."""
