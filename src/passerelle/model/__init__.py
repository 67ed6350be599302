"""The canonical tables: what every shop, ERP and file is read into and written from."""
