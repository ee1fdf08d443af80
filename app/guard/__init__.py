"""What stands before the application: proxies, hosts, headers, limits, slow clients. Knows no domain."""
