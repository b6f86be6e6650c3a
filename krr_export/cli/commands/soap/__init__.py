"""The commands about messages of the closed SOAP service."""
