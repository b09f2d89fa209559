"""What the merchant is shown: questions, their answers, and how these are drawn and exported."""
