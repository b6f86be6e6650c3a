"""The services of a made-up register on loopback: Maskinporten, REST, and the closed SOAP service."""
