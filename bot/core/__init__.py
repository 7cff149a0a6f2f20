"""The domain: values, rules, and one function per operation. Standard library only."""
