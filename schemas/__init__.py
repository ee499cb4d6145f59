"""Facts: the guide, companions, partners, rules, tables and the database schema."""
