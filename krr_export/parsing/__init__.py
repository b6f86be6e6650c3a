"""Parse bytes of XML into typed Arrow."""
