"""What people are told about runs: read from the ledgers, made into mails, told once."""
