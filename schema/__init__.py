"""The GraphQL surface: one file per noun with its types, inputs, queries and mutations."""
