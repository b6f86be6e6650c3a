"""The languages of the page: their texts, and their formats of numbers and dates."""
