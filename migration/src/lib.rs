//! The migrations of the database. Forward only; never imports an entity.
