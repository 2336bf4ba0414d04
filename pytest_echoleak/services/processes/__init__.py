"""Services as local processes, which never outlive the pytest that started them."""
