//! Twisted's tests of clients: connectors, hostname endpoints, reconnecting services.
