"""HTTP, as all routes share it: requests, answers, problems, languages, files, the login."""
