"""The merchant's numbers: questions, answers, forecasts, charts and exports."""
