"""Numbered certificates for passed courses."""
