"""What is configured: the YAML files of tenants and connections, and the settings."""
