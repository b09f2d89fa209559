"""What every page and route has in common: requests, answers, problems, languages."""
