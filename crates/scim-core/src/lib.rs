//! RFC 7643/7644 as a pure library: schemas, resources, filters, PATCH, projection, bulk, messages and errors.
