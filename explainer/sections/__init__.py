"""The sections of a page, each a function from `Page` to a stream of text."""
