"""Where bytes come from: files, gzip, encrypted deliveries, SFTP."""
