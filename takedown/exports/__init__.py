"""Cases in the formats of others: providers, hotlines and police. Each format is a pure function of a frozen record."""
