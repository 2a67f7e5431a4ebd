"""Validates `$metadata` under the XML schemas of OASIS, which the package odata-csdl brings.

usage: metadata.py METADATA EDMX_SCHEMA
"""

import sys

from lxml import etree


def main():
    metadata, schema = sys.argv[1:]
    schema = etree.XMLSchema(etree.parse(schema))
    document = etree.parse(metadata)
    schema.assertValid(document)
    properties = document.xpath("//*[local-name() = 'Property']")
    # What judges must be able to say no.
    for name, value in [("Nullable", "perhaps"), ("Type", "no type"), ("Title", "x"), ("Scale", "any")]:
        kept = properties[0].get(name)
        properties[0].set(name, value)
        assert not schema.validate(document), f'{name}="{value}" passes'
        if kept is None:
            del properties[0].attrib[name]
        else:
            properties[0].set(name, kept)
    schema.assertValid(document)
    print(f"edmx.xsd and edm.xsd: {len(properties)} properties are valid, with lxml {etree.__version__}")


if __name__ == "__main__":
    main()
