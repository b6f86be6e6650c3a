"""The delivery as it arrives: data, signature and key, verified before a byte is decrypted."""
