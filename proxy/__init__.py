"""The try-on proxy: what talks to shoppers, to the merchant and to the vendor."""
