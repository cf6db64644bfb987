"""Receiving files: this service, encrypting all the time, beside the upload servers that people would otherwise pick."""
