//! Clients: connectors, names with several addresses, and what keeps a connection.

#[path = "../clients/rig.rs"]
mod rig;

mod cannot_bind_tests;
mod client_service_tests;
mod factory_tests;
mod hostname_endpoint_bind_address_types;
mod hostname_endpoint_repr_tests;
mod hostname_endpoints_faster_connection_tests;
mod hostname_endpoints_gai_failure_tests;
mod hostname_endpoints_one_ipv4_tests;
mod hostname_endpoints_one_ipv6_tests;
mod reconnecting_factory_tests;
mod simple_hostname_resolver_tests;
mod stream_client_tests_mixin;
mod tcp_client_tests_base;
mod tcp_connector_tests_builder;
