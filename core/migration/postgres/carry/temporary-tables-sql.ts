/** What the catalogs say of a session's temporary objects, as one JSON text. To be run under the settings of `OwnSql`. */

const IN_TEMP = `pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0::pg_catalog.oid`;
const CLASS = `'pg_catalog.pg_class'::pg_catalog.regclass`;

const COLUMNS = `(SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name',a.attname,'type',pg_catalog.format_type(a.atttypid,a.atttypmod),
 'oid',a.atttypid::pg_catalog.int8,'notNull',a.attnotnull,'identity',a.attidentity,'generated',a.attgenerated,
 'expression',(SELECT pg_catalog.pg_get_expr(d.adbin,d.adrelid) FROM pg_catalog.pg_attrdef d
   WHERE d.adrelid OPERATOR(pg_catalog.=) a.attrelid AND d.adnum OPERATOR(pg_catalog.=) a.attnum),
 'collation',(SELECT pg_catalog.format('%I.%I',n.nspname,l.collname) FROM pg_catalog.pg_collation l
   JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) l.collnamespace
   JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
   WHERE l.oid OPERATOR(pg_catalog.=) a.attcollation AND l.oid OPERATOR(pg_catalog.<>) t.typcollation)) ORDER BY a.attnum)
 FROM pg_catalog.pg_attribute a WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped)`;

// NOT NULL constraints, which 18 lists, are those of the columns.
const CONSTRAINTS = `(SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name',k.conname,'kind',k.contype,'definition',pg_catalog.pg_get_constraintdef(k.oid))
 ORDER BY k.contype OPERATOR(pg_catalog.=) 'f',k.conname) FROM pg_catalog.pg_constraint k
 WHERE k.conrelid OPERATOR(pg_catalog.=) c.oid AND k.contype OPERATOR(pg_catalog.<>) 'n')`;

const INDEXES = `(SELECT pg_catalog.json_agg(pg_catalog.pg_get_indexdef(i.indexrelid) ORDER BY pg_catalog.pg_get_indexdef(i.indexrelid) COLLATE pg_catalog."C")
 FROM pg_catalog.pg_index i WHERE i.indrelid OPERATOR(pg_catalog.=) c.oid AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k
  WHERE k.conindid OPERATOR(pg_catalog.=) i.indexrelid AND k.contype OPERATOR(pg_catalog.=) ANY ('{p,u,x}'::pg_catalog."char"[])))`;

const has = (from: string): string => `EXISTS (SELECT 1 FROM pg_catalog.${from})`;
const ODDITIES = `pg_catalog.concat_ws(', ',
 CASE WHEN c.relhasrules THEN 'rules' END, CASE WHEN c.relrowsecurity OR c.relforcerowsecurity THEN 'row security' END,
 CASE WHEN c.reloftype OPERATOR(pg_catalog.<>) 0::pg_catalog.oid THEN 'a type that it is of' END,
 CASE WHEN c.relispartition OR ${has(`pg_inherits h WHERE h.inhrelid OPERATOR(pg_catalog.=) c.oid OR h.inhparent OPERATOR(pg_catalog.=) c.oid`)} THEN 'inheritance' END,
 CASE WHEN ${has(`pg_trigger g WHERE g.tgrelid OPERATOR(pg_catalog.=) c.oid AND NOT g.tgisinternal`)} THEN 'triggers' END,
 CASE WHEN c.relacl IS NOT NULL OR ${has(`pg_attribute a WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attacl IS NOT NULL`)} THEN 'privileges' END,
 CASE WHEN ${has(`pg_description o WHERE o.objoid OPERATOR(pg_catalog.=) c.oid AND o.classoid OPERATOR(pg_catalog.=) ${CLASS}`)} THEN 'comments' END,
 CASE WHEN c.reltablespace OPERATOR(pg_catalog.<>) 0::pg_catalog.oid THEN 'a tablespace' END,
 CASE WHEN c.reloptions IS NOT NULL THEN 'storage parameters' END,
 CASE WHEN c.relreplident OPERATOR(pg_catalog.<>) 'd'::pg_catalog."char" THEN 'a replica identity' END,
 CASE WHEN c.relam OPERATOR(pg_catalog.<>) (SELECT m.oid FROM pg_catalog.pg_am m WHERE m.amname OPERATOR(pg_catalog.=) 'heap') THEN 'an access method' END)`;

/** Tables with their columns, constraints and indexes; sequences; and the names of everything else there is. */
export const READ_TEMPORARY = `SELECT pg_catalog.json_build_object(
'tables',(SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name',c.relname,'owner',pg_catalog.pg_get_userbyid(c.relowner),
  'oddities',${ODDITIES},'bytes',pg_catalog.pg_table_size(c.oid),'heapBytes',pg_catalog.pg_relation_size(c.oid,'main'),
  'columns',${COLUMNS},'constraints',${CONSTRAINTS},'indexes',${INDEXES}) ORDER BY c.oid)
  FROM pg_catalog.pg_class c WHERE ${IN_TEMP} AND c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
  AND c.relkind OPERATOR(pg_catalog.=) 'r'::pg_catalog."char"),
'sequences',(SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name',c.relname,'owner',pg_catalog.pg_get_userbyid(c.relowner),
  'hasPrivileges',c.relacl IS NOT NULL,'type',pg_catalog.format_type(s.seqtypid,NULL),'start',s.seqstart::pg_catalog.text,
  'increment',s.seqincrement::pg_catalog.text,'maximum',s.seqmax::pg_catalog.text,'minimum',s.seqmin::pg_catalog.text,
  'cache',s.seqcache::pg_catalog.text,'cycles',s.seqcycle,'of',(SELECT pg_catalog.json_build_array(t.relname,a.attname,d.deptype)
   FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) d.refobjid
   JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) t.oid AND a.attnum OPERATOR(pg_catalog.=) d.refobjsubid
   WHERE d.classid OPERATOR(pg_catalog.=) ${CLASS} AND d.objid OPERATOR(pg_catalog.=) c.oid
   AND d.refclassid OPERATOR(pg_catalog.=) ${CLASS} AND d.deptype OPERATOR(pg_catalog.=) ANY ('{a,i}'::pg_catalog."char"[]))) ORDER BY c.oid)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_sequence s ON s.seqrelid OPERATOR(pg_catalog.=) c.oid
  WHERE ${IN_TEMP} AND c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()),
'others',(SELECT pg_catalog.json_agg(pg_catalog.concat_ws(' ',i.type,i.identity)) FROM pg_catalog.pg_depend d
  LEFT JOIN pg_catalog.pg_class c ON d.classid OPERATOR(pg_catalog.=) ${CLASS} AND c.oid OPERATOR(pg_catalog.=) d.objid,
  LATERAL pg_catalog.pg_identify_object(d.classid,d.objid,d.objsubid) i
  WHERE ${IN_TEMP} AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
  AND d.refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
  AND (c.oid IS NULL OR NOT c.relkind OPERATOR(pg_catalog.=) ANY ('{r,S,i}'::pg_catalog."char"[]))))::pg_catalog.text`;
