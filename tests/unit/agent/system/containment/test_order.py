from agent.system.containment.order import Node, Order


def test_an_order_arrives_as_it_was_given() -> None:
    order = Order(
        root="/r",
        argv=("/bin/x", "--y=ä"),
        nodes=(Node(name="vda1", major=254, minor=1),),
        links={"disk/by-uuid/1": "../../vda1"},
        environment={"PATH": "/bin"},
    )
    assert Order.decode(order.encode()) == order
