"""The closed SOAP service Oppslagstjenesten: messages, WS-Security, and the opening of its answers.

The service was switched off in 2022 and 2023; see docs/guides/soap.md. `protocol` is where to begin.
"""
