"""WISE: world knowledge in pictures, by a vision-language model as judge, as of 2025 and as of 2026."""
