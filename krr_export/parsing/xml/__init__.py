"""XML as such, whatever the document: encodings, well-formedness, and limits on hostile markup."""
